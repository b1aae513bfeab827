# softhsm-conf: installed for users to copy.
softhsmconfdir = $(pkgdatadir)/softhsm-conf
dist_softhsmconf_SCRIPTS = softhsm-conf/setup.sh
dist_softhsmconf_DATA = softhsm-conf/README.md
