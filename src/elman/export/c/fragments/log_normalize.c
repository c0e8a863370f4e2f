// Subtract the log of the sum of e^v[i] from all v[i], which then are log probabilities.
static void log_normalize(float* v, int n) {
    float total = log_sum(v, n);
    for (int i = 0; i < n; ++i) v[i] -= total;
}
