// A part of a text.
typedef struct {
    const char* begin;
    int size;
} slice;
