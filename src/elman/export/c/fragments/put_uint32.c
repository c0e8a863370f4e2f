// Write a number as four bytes, the lowest first; return the end.
static uint8_t* put_uint32(uint8_t* bytes, uint32_t value) {
    for (int i = 0; i < 4; ++i) *bytes++ = (uint8_t)(value >> 8 * i);
    return bytes;
}
