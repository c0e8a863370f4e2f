// Read what put_floats has written; return the end.
static const uint8_t* get_floats(const uint8_t* bytes, float* values, int n) {
    for (int i = 0; i < n; ++i, bytes += 4) {
        uint32_t bits = get_uint32(bytes);
        memcpy(values + i, &bits, sizeof bits);
    }
    return bytes;
}
