// The pooled output is the largest value of each unit so far, which is the state.
static void pool_max(float* pooled, const float* h, int n, float* highest) {
    for (int j = 0; j < n; ++j) {
        highest[j] = h[j] > highest[j] ? h[j] : highest[j];
        pooled[j] = highest[j];
    }
}
