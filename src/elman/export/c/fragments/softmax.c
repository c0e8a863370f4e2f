// Turn scores into probabilities: p = e^v / sum of e^v. The largest score is subtracted first.
static void softmax(float* v, int n) {
    float largest = v[0], sum = 0.0f;
    for (int i = 1; i < n; ++i) largest = v[i] > largest ? v[i] : largest;
    for (int i = 0; i < n; ++i) {
        v[i] = expf(v[i] - largest);
        sum += v[i];
    }
    for (int i = 0; i < n; ++i) v[i] /= sum;
}
