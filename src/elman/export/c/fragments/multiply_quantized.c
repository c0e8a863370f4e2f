// y_r = (sum over c of W_rc q_c) * scale_r * s + b_r, or without b_r if b is NULL: the sum is an integer.
static void multiply_quantized(float* y, const int8_t* W, const float* scale, const float* b, const int8_t* q, float s,
                               int rows, int columns) {
    for (int r = 0; r < rows; ++r) {
        const int8_t* w = W + (size_t)r * columns;
        int32_t sum = 0;
        int c = 0;
        for (; c + 3 < columns; c += 4) {
            sum += w[c] * q[c] + w[c + 1] * q[c + 1] + w[c + 2] * q[c + 2] + w[c + 3] * q[c + 3];
        }
        for (; c < columns; ++c) sum += w[c] * q[c];
        float product = ((float)sum * scale[r]) * s;
        y[r] = b ? product + b[r] : product;
    }
}
