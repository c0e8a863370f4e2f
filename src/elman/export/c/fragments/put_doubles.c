// Write n doubles, eight bytes each, the lowest byte first; return the end.
static uint8_t* put_doubles(uint8_t* bytes, const double* values, int n) {
    for (int i = 0; i < n; ++i) {
        uint64_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bytes = put_uint32(bytes, (uint32_t)bits);
        bytes = put_uint32(bytes, (uint32_t)(bits >> 32));
    }
    return bytes;
}
