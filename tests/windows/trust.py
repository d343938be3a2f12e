#!/usr/bin/env python3
"""Prints a registry file that makes Windows trust a certificate authority: trust.py AUTHORITY.pem > trust.reg

A certificate is in the registry as a list of properties: number, 1, length and value each
(https://learn.microsoft.com/windows/win32/api/wincrypt/nf-wincrypt-certsetcertificatecontextproperty).
"""

import hashlib
import ssl
import struct
import sys

FINGERPRINT, CERTIFICATE = 3, 32


def main():
    with open(sys.argv[1]) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    fingerprint = hashlib.sha1(der).digest()
    blob = b"".join(
        struct.pack("<III", number, 1, len(value)) + value for number, value in ((FINGERPRINT, fingerprint), (CERTIFICATE, der))
    )
    print("Windows Registry Editor Version 5.00\n")
    for root in ("HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE"):
        print(rf"[{root}\Software\Microsoft\SystemCertificates\Root\Certificates\{fingerprint.hex().upper()}]")
        print(f'"Blob"=hex:{blob.hex(",")}\n')


main()
