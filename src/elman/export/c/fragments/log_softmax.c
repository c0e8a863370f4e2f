// Turn scores into log probabilities: v = v - log(sum of e^v). The largest score is subtracted first.
static void log_softmax(float* v, int n) {
    float largest = v[0], sum = 0.0f;
    for (int i = 1; i < n; ++i) largest = v[i] > largest ? v[i] : largest;
    for (int i = 0; i < n; ++i) {
        v[i] -= largest;
        sum += expf(v[i]);
    }
    float log_sum_of_exponentials = logf(sum);
    for (int i = 0; i < n; ++i) v[i] -= log_sum_of_exponentials;
}
