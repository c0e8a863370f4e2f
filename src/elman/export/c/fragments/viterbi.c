// The best path of labels (Viterbi, 1967), of equal ones that with the lowest numbers, for emissions (length, n):
//
//     v_1(j) = start_j + e_1j
//     v_t(j) = e_tj + max over i of (v_(t-1)(i) + A_ij)           the best path ends where v_T(j) + end_j is largest
//
// back (length, n) holds the best i of each t and j.
static void viterbi(int* path, unsigned short* back, const float* emissions, int length, const float* A,
                    const float* start, const float* end, int n) {
    float v[MAX_LABELS], v_next[MAX_LABELS];
    for (int j = 0; j < n; ++j) v[j] = start[j] + emissions[j];
    for (int t = 1; t < length; ++t) {
        for (int j = 0; j < n; ++j) {
            int best = 0;
            float highest = v[0] + A[j];
            for (int i = 1; i < n; ++i) {
                float score = v[i] + A[(size_t)i * n + j];
                if (score > highest) {
                    highest = score;
                    best = i;
                }
            }
            back[(size_t)t * n + j] = (unsigned short)best;
            v_next[j] = highest + emissions[(size_t)t * n + j];
        }
        for (int j = 0; j < n; ++j) v[j] = v_next[j];
    }
    for (int j = 0; j < n; ++j) v[j] += end[j];
    int label = argmax(v, n);
    for (int t = length - 1; t >= 0; --t) {
        path[t] = label;
        if (t > 0) label = back[(size_t)t * n + label];
    }
}
