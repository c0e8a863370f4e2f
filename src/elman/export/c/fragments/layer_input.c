// The input of a layer: floats, which are quantized, or a row of an embedding of int8 with its scale.
typedef struct {
    const float* x;
    const int8_t* q;
    float scale;
} layer_input;
