// x = a row of a matrix of int8, as floats.
static void copy_int8_row(float* x, const int8_t* W, const float* scale, int row, int columns) {
    for (int c = 0; c < columns; ++c) x[c] = (float)W[(size_t)row * columns + c] * scale[row];
}
