// Write n floats, four bytes each, the lowest byte first; return the end.
static uint8_t* put_floats(uint8_t* bytes, const float* values, int n) {
    for (int i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bytes = put_uint32(bytes, bits);
    }
    return bytes;
}
