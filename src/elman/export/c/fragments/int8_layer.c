// One recurrent layer in one direction with weights of int8: the scales are those of the rows of W and U. A layer that
// has few inputs has float_W in place of W.
typedef struct {
    int inputs, units;
    const float* float_W;
    const int8_t *W, *U;
    const float *W_scale, *U_scale, *b_ih, *b_hh;
} int8_layer;
