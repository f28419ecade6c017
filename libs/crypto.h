/* libcrypto of OpenSSL: base64, hashes, signatures. See late.h. */
#ifndef LIBS_CRYPTO_H
#define LIBS_CRYPTO_H

#include "libs/late.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define CRYPTO_FUNCTIONS(X)   \
	X(BIO_free)           \
	X(BIO_new_mem_buf)    \
	X(EVP_DecodeBlock)    \
	X(EVP_Digest)         \
	X(EVP_DigestFinal_ex) \
	X(EVP_DigestInit_ex)  \
	X(EVP_DigestSign)     \
	X(EVP_DigestSignInit) \
	X(EVP_DigestUpdate)   \
	X(EVP_EncodeBlock)    \
	X(EVP_MD_CTX_free)    \
	X(EVP_MD_CTX_new)     \
	X(EVP_PKEY_free)      \
	X(EVP_sha256)         \
	X(HMAC)               \
	X(PEM_read_bio_PrivateKey)

LATE_DECLARE(crypto, CRYPTO_FUNCTIONS)

#define BIO_free		crypto_functions()->BIO_free
#define BIO_new_mem_buf		crypto_functions()->BIO_new_mem_buf
#define EVP_DecodeBlock		crypto_functions()->EVP_DecodeBlock
#define EVP_Digest		crypto_functions()->EVP_Digest
#define EVP_DigestFinal_ex	crypto_functions()->EVP_DigestFinal_ex
#define EVP_DigestInit_ex	crypto_functions()->EVP_DigestInit_ex
#define EVP_DigestSign		crypto_functions()->EVP_DigestSign
#define EVP_DigestSignInit	crypto_functions()->EVP_DigestSignInit
#define EVP_DigestUpdate	crypto_functions()->EVP_DigestUpdate
#define EVP_EncodeBlock		crypto_functions()->EVP_EncodeBlock
#define EVP_MD_CTX_free		crypto_functions()->EVP_MD_CTX_free
#define EVP_MD_CTX_new		crypto_functions()->EVP_MD_CTX_new
#define EVP_PKEY_free		crypto_functions()->EVP_PKEY_free
#define EVP_sha256		crypto_functions()->EVP_sha256
#define HMAC			crypto_functions()->HMAC
#define PEM_read_bio_PrivateKey crypto_functions()->PEM_read_bio_PrivateKey

#endif
