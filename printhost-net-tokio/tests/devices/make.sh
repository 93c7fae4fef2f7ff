#!/bin/sh
# Makes the certificates of this folder, which are invented, with OpenSSL: version 1 and RSA, as printers have them.
set -eu
cd "$(dirname "$0")"
new() { openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$2.key" -out "$2.csr" 2>/dev/null; }
sign() { openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 36500 -out "$1.pem" $3; }

# An authority of version 3, and a leaf of version 1.
openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=Test CA" -days 36500 -keyout authority.key -out authority.pem \
    -addext basicConstraints=critical,CA:TRUE
new 01P00A000000001 leaf
sign leaf authority ""
# The same leaf, signed with SHA-1.
cp leaf.csr weak.csr
sign weak authority -sha1

# An authority of version 1, a leaf of it; and an authority below it, which version 1 cannot tell from a leaf.
new "Old Test CA" old
openssl x509 -req -in old.csr -signkey old.key -days 36500 -out old.pem
cp leaf.csr leaf-of-old.csr
sign leaf-of-old old ""
new "Old Test CA below" below
sign below old ""
cp leaf.csr leaf-below.csr
sign leaf-below below ""
openssl pkey -in leaf.key -pubout -outform DER | openssl dgst -sha256 -r | cut -c -64 >leaf.pin
new stranger stranger
rm -f ./*.csr ./*.srl authority.key old.key below.key
