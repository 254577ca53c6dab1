terraform {
  required_providers {
    huaweidb = {
      source = "localhost/huaweidb/huaweidb"
    }
  }
}

# Keys come from HW_ACCESS_KEY and HW_SECRET_KEY, the region from HW_REGION_NAME.
provider "huaweidb" {
  max_retries = 8
}
