# softhsm-conf
