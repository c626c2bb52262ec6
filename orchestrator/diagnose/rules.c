/* SPDX-License-Identifier: Apache-2.0
 * The rules. Their order says nothing: findings are ranked. */
#include "diagnose/rules.h"

#include <stddef.h>

extern const struct rule rule_frozen_target, rule_criu_frozen, rule_left_frozen, rule_traced,
    rule_ptrace_forbidden, rule_no_answer, rule_not_implemented, rule_workload_gone,
    rule_session_leader, rule_network_lock, rule_unsupported, rule_kernel_too_new,
    rule_kernel_options, rule_no_space, rule_spawner, rule_uninterruptible;

const struct rule *const rules[] = {
    &rule_frozen_target,
    &rule_criu_frozen,
    &rule_left_frozen,
    &rule_traced,
    &rule_ptrace_forbidden,
    &rule_no_answer,
    &rule_not_implemented,
    &rule_workload_gone,
    &rule_session_leader,
    &rule_network_lock,
    &rule_unsupported,
    &rule_kernel_too_new,
    &rule_kernel_options,
    &rule_no_space,
    &rule_spawner,
    &rule_uninterruptible,
    NULL,
};
