//! Properties of whole batches.
