// log_p = log p(y_1 | x_1) from the emissions of the first token, by a conditional random field.
static void crf_first(float* log_p, const float* emissions, const float* start, int n) {
    for (int j = 0; j < n; ++j) log_p[j] = start[j] + emissions[j];
    log_normalize(log_p, n);
}
