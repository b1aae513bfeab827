# kbc
