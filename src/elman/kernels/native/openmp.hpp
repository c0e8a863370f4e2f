// The threads of an OpenMP runtime that another library has loaded: torch's.
#pragma once

#include <functional>

#include "kernels.hpp"

namespace elman {

// The functions of GCC's OpenMP runtime. Those of clang and Intel have them, too.
struct OpenMP {
    void (*parallel)(void (*function)(void*), void* data, unsigned threads, unsigned flags);
    int (*thread)();
    int (*num_threads)();
    int (*max_threads)();
};

// Finds the runtime of a loaded library, and uses it from now on. Returns false if it has none.
bool borrow_openmp(const char* library);

// The runtime that is used; null if there is none.
const OpenMP* borrowed_openmp();

// As in parallel.hpp. A region always has all threads of the runtime: a smaller region would end the other threads, and
// torch would have to start them again.
void openmp_for(const OpenMP& runtime, Index count, const std::function<void(Index)>& work);
void openmp_team(const OpenMP& runtime, Index size, const std::function<void(const ThreadTeam&)>& work);

}  // namespace elman
