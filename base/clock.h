/* clock.h - what time it is. Tests replace the clocks; nothing else reads them. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t clock_now_us(void);	/* UTC microseconds since 1970 */
int64_t clock_boot_us(void);	/* CLOCK_BOOTTIME: never steps, runs through suspend */
uint64_t clock_thread_ns(void); /* CPU time of this thread, user + system */

/* So many milliseconds from now, of CLOCK_MONOTONIC: for pthread_cond_timedwait(). */
struct timespec clock_in_ms(unsigned ms);

/* Offset of local time from UTC at that moment, in seconds east. */
int clock_local_offset_s(int64_t time_us);

#endif
