// Runs work on several threads.
//
// Without torch, the kernels have a thread pool of their own. Together with torch, they use torch's OpenMP threads.
// These spin for some milliseconds after each parallel region of torch. A second set of threads would compete with them
// for the cores, which halves the speed on two cores.
#pragma once

#include <functional>

#include "kernels.hpp"

namespace elman {

// Calls work(0) ... work(count - 1), each on a thread of its own, the first one on the caller's. Returns when all of
// them have returned. If the threads are busy with another caller or cannot be started, the caller's thread does all
// the work.
void parallel_for(Index count, const std::function<void(Index)>& work);

// Calls work on `size` threads at the same time, or on as many as are available. They can wait for one another.
void parallel_team(Index size, const std::function<void(const ThreadTeam&)>& work);

}  // namespace elman
