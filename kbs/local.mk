# kbs
