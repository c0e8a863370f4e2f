#include "arguments.hpp"

#include <algorithm>

namespace nb = nanobind;

namespace elman {
namespace {

std::string shape_text(const Index* shape, int axes) {
    std::string text = "(";
    for (int i = 0; i < axes; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + ")";
}

}  // namespace

void fail(const std::string& name, const std::string& problem) {
    throw nb::value_error((name + ": " + problem).c_str());
}

void expect_shape(const char* name, const Index* shape, int axes, const Index* expected, int expected_axes) {
    if (!std::equal(shape, shape + axes, expected, expected + expected_axes))
        fail(name, "given shape " + shape_text(shape, axes) + "; expected " + shape_text(expected, expected_axes));
}

std::string describe_dtype(nb::handle object) {
    const nb::object dtype = nb::getattr(object, "dtype", nb::none());
    return dtype.is_none() ? std::string(nb::type_name(object.type()).c_str()) : std::string(nb::str(dtype).c_str());
}

nb::tuple tuple_at(const nb::list& list, std::size_t i) { return nb::cast<nb::tuple>(nb::object(list[i])); }

void expect_length(const char* name, const nb::list& list, std::size_t length) {
    if (list.size() != length)
        fail(name, "given " + std::to_string(list.size()) + "; expected " + std::to_string(length));
}

namespace {

BatchShape read_padded_shape(const Shape& inputs, const std::optional<Lengths>& lengths, bool time_first) {
    BatchShape batch{};
    batch.B = inputs.size[time_first ? 1 : 0];
    batch.T = inputs.size[time_first ? 0 : 1];
    batch.time_first = time_first;
    if (!lengths) return batch;
    const Index rows = Index(lengths->shape(0));
    expect_shape("lengths", &rows, 1, &batch.B, 1);
    for (Index b = 0; b < batch.B; ++b) {
        const Index length = (*lengths)(std::size_t(b));
        if (length < 0 || length > batch.T)
            fail("lengths", "given " + std::to_string(length) + "; expected 0 to " + std::to_string(batch.T));
    }
    return batch;
}

BatchShape read_packed_shape(const Shape& inputs, const Lengths& lengths) {
    BatchShape batch{};
    batch.B = Index(lengths.shape(0));
    batch.T = batch.B > 0 ? lengths(0) : 0;
    batch.entries = inputs.size[0];
    batch.packed = true;
    Index sum = 0;
    for (Index b = 0; b < batch.B; ++b) {
        const Index length = lengths(std::size_t(b));
        if (length < 0 || (b > 0 && length > lengths(std::size_t(b - 1))))
            fail("lengths", "given rows in another order; expected packed rows from the longest to the shortest");
        sum += length;
    }
    if (sum != batch.entries)
        fail("lengths", "given a sum of " + std::to_string(sum) + "; expected the number of packed steps, " +
                            std::to_string(batch.entries));
    return batch;
}

}  // namespace

BatchShape read_batch_shape(const Shape& inputs, bool table, const std::optional<Lengths>& lengths, bool time_first) {
    const int axes = table ? 2 : 3;
    if (inputs.axes == axes) return read_padded_shape(inputs, lengths, time_first);
    if (inputs.axes == axes - 1 && lengths) return read_packed_shape(inputs, *lengths);
    fail("inputs", "given shape " + shape_text(inputs.size, inputs.axes) + (lengths ? "" : " without lengths") +
                       "; expected " + (table ? "(B, T)" : "(B, T, I)") + ", or packed " + (table ? "(N,)" : "(N, I)") +
                       " with lengths");
}

void check_ids(const StridedArray<const std::int64_t>& ids, const BatchShape& batch, Index table_rows) {
    const Index rows = batch.packed ? batch.entries : batch.B, steps = batch.packed ? 1 : batch.T;
    for (Index b = 0; b < rows; ++b)
        for (Index t = 0; t < steps; ++t) {
            const std::int64_t id = ids.data[b * ids.row_stride + t * ids.time_stride];
            if (id < 0 || id >= table_rows)
                fail("ids", "given " + std::to_string(id) + "; expected 0 to " + std::to_string(table_rows - 1));
        }
}

}  // namespace elman
