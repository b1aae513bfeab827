# fuzz targets of attest/
