// The pooled output is the sum over t of a_t h_t, where a = softmax over t of e_t = v . tanh(W h_t + b): Yang et al.
// (2016). The state is the largest e so far, and the sums of e^(e_t - largest) and of e^(e_t - largest) h_t.
// key is W h + b.
static void pool_attention(float* pooled, const float* h, int n, float* key, const float* v, float* count, float* sum,
                           float* highest) {
    apply_tanh(key, n);
    float e = dot(v, key, n);
    float largest = e > highest[0] ? e : highest[0];
    float rescale = expf(highest[0] - largest), weight = expf(e - largest);
    *count = *count * rescale + weight;
    for (int j = 0; j < n; ++j) {
        highest[j] = largest;
        sum[j] = sum[j] * rescale + weight * h[j];
        pooled[j] = sum[j] / *count;
    }
}
