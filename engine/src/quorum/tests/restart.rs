//! What a quorum must not forget.
