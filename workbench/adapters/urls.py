app_name = "adapters"
urlpatterns: list = []
