// Return tanh(x) = m / (m + 2), where m = e^(2x) - 1. Beyond 9.1, the result is 1 to the last bit.
static float hyperbolic_tangent(float x) {
    x = x < -9.1f ? -9.1f : x;
    x = x > 9.1f ? 9.1f : x;
    float k, q = exponential(x + x, &k);
    float m = k * q + (k - 1.0f);
    return m / (m + 2.0f);
}
