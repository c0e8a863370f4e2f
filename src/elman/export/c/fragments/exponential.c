// Return q, and set k, where e^x = k + k q and k is a power of two: k = 2^n, n = round(x / ln 2), q = e^(x - n ln 2) - 1
// by a polynomial. x is between -88 and 88.
static float exponential(float x, float* k) {
    const float round = 12582912.0f;  // 1.5 * 2^23: adding it moves the nearest integer to the low bits
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    float p = 0.00138824968f;
    p = p * r + 0.00836664684f;
    p = p * r + 0.0416672039f;
    p = p * r + 0.166665427f;
    p = p * r + 0.499999981f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    memcpy(k, &bits, sizeof bits);
    return (r * r) * p + r;
}
