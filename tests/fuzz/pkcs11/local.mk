# fuzz targets of pkcs11/
