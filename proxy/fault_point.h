// A fault point for tests: the program can be told to die at a commit.
#pragma once

#include "cache/store.h"

namespace proxy {

/// With WAYSTATION_KILL_AT_COMMIT="STEP N" in the environment the process ends, as by kill -9, when
/// STEP of a commit is reached for the Nth time: "begun" (before anything is written), "stored" (in
/// the store, not yet in the journal file), "kept" (in both, and nobody has been answered). Builds
/// without assertions do not know it and return an empty hook.
cache::StepHook kill_at_commit();

}  // namespace proxy
