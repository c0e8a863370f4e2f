// Read what put_doubles has written; return the end.
static const uint8_t* get_doubles(const uint8_t* bytes, double* values, int n) {
    for (int i = 0; i < n; ++i, bytes += 8) {
        uint64_t bits = get_uint32(bytes) | (uint64_t)get_uint32(bytes + 4) << 32;
        memcpy(values + i, &bits, sizeof bits);
    }
    return bytes;
}
