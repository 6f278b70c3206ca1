//! The server role: holds segments and answers queries over them.
