// Return 1 / (1 + e^-x).
static float sigmoid(float x) {
    x = -x;
    x = x < -87.0f ? -87.0f : x;
    x = x > 87.0f ? 87.0f : x;
    float k, q = exponential(x, &k);
    return 1.0f / ((k * q + k) + 1.0f);
}
