# man
dist_man_MANS += man/kbs-image.1
