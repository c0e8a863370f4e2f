// Turn n numbers into quantiles: the median stays, each other one is a softplus away from its neighbour.
static void monotone(float* o, int n, int median) {
    for (int q = median + 1; q < n; ++q) o[q] = o[q - 1] + softplus(o[q]);
    for (int q = median - 1; q >= 0; --q) o[q] = o[q + 1] - softplus(o[q]);
}
