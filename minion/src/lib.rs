//! The minion role: runs the controller's tasks.
