// The pooled output is the last one.
static void pool_last(float* pooled, const float* h, int n) {
    for (int j = 0; j < n; ++j) pooled[j] = h[j];
}
