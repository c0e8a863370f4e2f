// Return the sum of w[i] x[i] over i < n, from four partial sums.
static float dot(const float* w, const float* x, int n) {
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
    int i = 0;
    for (; i + 3 < n; i += 4) {
        s0 += w[i] * x[i];
        s1 += w[i + 1] * x[i + 1];
        s2 += w[i + 2] * x[i + 2];
        s3 += w[i + 3] * x[i + 3];
    }
    for (; i < n; ++i) s0 += w[i] * x[i];
    return (s0 + s1) + (s2 + s3);
}
