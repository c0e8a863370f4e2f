// log_p = log p(y_t | x_1 .. x_t) from that of the token before and the emissions of token t:
//
//     a_j = e_j + log sum over i of exp(log_p_i) exp(A_ij)
//
// exp_A (n, n) is exp(A - max_A). The largest log_p is subtracted before the exponentials, and added afterwards.
static void crf_next(float* log_p, const float* emissions, const float* exp_A, float max_A, int n) {
    float p[MAX_LABELS];
    float largest = log_p[argmax(log_p, n)];
    for (int i = 0; i < n; ++i) p[i] = expf(log_p[i] - largest);
    for (int j = 0; j < n; ++j) {
        float sum = 0.0f;
        for (int i = 0; i < n; ++i) sum += p[i] * exp_A[(size_t)i * n + j];
        log_p[j] = logf(sum) + (largest + max_A) + emissions[j];
    }
    log_normalize(log_p, n);
}
