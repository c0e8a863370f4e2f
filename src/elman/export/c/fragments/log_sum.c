// Return the log of the sum of e^v[i]; the largest value is subtracted first, so nothing overflows.
static float log_sum(const float* v, int n) {
    float largest = v[0], sum = 0.0f;
    for (int i = 1; i < n; ++i) largest = v[i] > largest ? v[i] : largest;
    for (int i = 0; i < n; ++i) sum += expf(v[i] - largest);
    return logf(sum) + largest;
}
