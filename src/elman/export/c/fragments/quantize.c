// Quantize a vector: q_i = round(x_i * (127 / m)), where m is the largest magnitude; return the scale m / 127.
static float quantize(int8_t* q, const float* x, int n) {
    const float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
    float m = 0.0f;
    int has_nan = 0;
    for (int i = 0; i < n; ++i) {
        m = fabsf(x[i]) > m ? fabsf(x[i]) : m;
        has_nan |= isnan(x[i]);
    }
    if (has_nan || m < 0x1p-100f || m == INFINITY) {
        for (int i = 0; i < n; ++i) q[i] = 0;
        return has_nan || m == INFINITY ? NAN : 0.0f;
    }
    float factor = 127.0f / m;
    for (int i = 0; i < n; ++i) q[i] = (int8_t)((x[i] * factor + round) - round);
    return m / 127.0f;
}
