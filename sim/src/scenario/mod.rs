//! Scenario files: from TOML to a validated plan.
