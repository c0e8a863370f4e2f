// The pooled output is the mean of the outputs so far; the state is their number and sum.
static void pool_mean(float* pooled, const float* h, int n, float* count, float* sum) {
    *count += 1.0f;
    for (int j = 0; j < n; ++j) {
        sum[j] += h[j];
        pooled[j] = sum[j] / *count;
    }
}
