// c = sum over s of a_s m_s, for m (count, n).
static void weighted_sum(float* c, const float* a, const float* m, int count, int n) {
    for (int j = 0; j < n; ++j) c[j] = 0.0f;
    for (int s = 0; s < count; ++s) {
        for (int j = 0; j < n; ++j) c[j] += a[s] * m[(size_t)s * n + j];
    }
}
