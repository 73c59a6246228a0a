//! Members of groups: the machines, and whole consumers against a scripted coordinator.

mod classic;
mod consumer_protocol;
mod scripted;
