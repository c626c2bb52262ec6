// SPDX-License-Identifier: Apache-2.0
//! Containers of the lab's agent.

pub mod container;
