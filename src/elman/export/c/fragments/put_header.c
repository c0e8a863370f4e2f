// Write the header of a state of one stream, 24 bytes; the record of size bytes is behind it.
static void put_header(uint8_t* bytes, const uint8_t* fingerprint, size_t size) {
    memcpy(bytes, "ELST\1\0\0\0", 8);  // format version 1
    memcpy(bytes + 8, fingerprint, 8);
    put_uint32(bytes + 16, 1);  // stream
    put_uint32(bytes + 20, crc32(bytes + 24, size));
}
