// Threads that wait for shares of work.
//
// By themselves the kernels use threads of their own. Beside torch they borrow the OpenMP threads that torch has: those
// spin for milliseconds after each of torch's own parallel regions, so that a second set of threads would have to
// fight with them for the cores, and loses (half the speed on two cores).
#pragma once

#include <functional>

#include "shape.hpp"

namespace elman {

// Calls work(0) ... work(shares - 1), each on a thread of its own, the first on the caller's; returns when all are done.
// Where the threads are busy with another caller, or cannot be had, the caller does all of it.
void in_parallel(Index shares, const std::function<void(Index)>& work);

// Calls work on so many threads at once, or on as many as can be had, which may meet one another (Team::meet).
void in_team(Index size, const std::function<void(const Team&)>& work);

// Borrows the threads of the OpenMP runtime that this loaded library uses; false where it has none.
bool borrow_threads(const char* library);

}  // namespace elman
