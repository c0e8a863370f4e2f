// y = W x + b for a matrix of int8, by which x is quantized first.
static void multiply_int8(float* y, const int8_t* W, const float* scale, const float* b, const float* x, int rows,
                          int columns) {
    int8_t q[MAX_COLUMNS];
    float s = quantize(q, x, columns);
    multiply_quantized(y, W, scale, b, q, s, rows, columns);
}
